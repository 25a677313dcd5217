#include "libbroker/base64.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

BOOST_AUTO_TEST_SUITE(base64_)

// Source: RFC 4648 §10.
BOOST_AUTO_TEST_CASE(test_vectors_of_the_rfc) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors)
    BOOST_TEST(to_base64(as_bytes(bytes)) == text);
  BOOST_TEST(to_base64(as_bytes("\xFF\xEF\xBE")) == "/+++");
}

BOOST_AUTO_TEST_SUITE_END()
