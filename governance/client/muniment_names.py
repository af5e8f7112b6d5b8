"""What columns with personal data are called, in nine languages: the part of muniment_personal.py that reads names."""

import re
import unicodedata

#: By pattern: what columns with such data are called. Beyond ASCII also within
#: longer words, unless after `=`.
_NAMES = """
email: email, e mail, mail address, mailadresse, courriel, adresse mail, correo, correo electronico,
  posta elettronica, 이메일, 메일주소, 전자우편, メール, 邮箱
phone: phone, telephone, tel, phone number, mobile number, mobile phone, cell phone, cellphone, fax, telefon,
  telefonnummer, telefonnr, handynummer, rufnummer, mobilnummer, telefono, movil, celular, telefone, 전화,
  휴대폰, 핸드폰, 휴대전화, 연락처, 電話, 手机
card: card number, cardnumber, cardno, credit card number, creditcardnumber, cc number, ccnum,
  kreditkartennummer, numero de carte, numero de tarjeta, 카드번호
iban: iban, bank account, account number, kontonummer, bankverbindung, numero de compte, compte bancaire,
  cuenta bancaria, numero de cuenta, 계좌, 계좌번호, 口座番号
bic: bic, swift, swift code, bic code
kr_rrn: rrn, resident registration, resident registration number, jumin, 주민등록번호, 주민번호, 외국인등록번호
us_ssn: ssn, social security, social security number
uk_nino: nino, ni number, national insurance, national insurance number
uk_nhs: nhs number, nhs no, nhs id
de_tax_id: steuer id, steuerid, steuernummer, steueridentifikationsnummer, steuerliche identifikationsnummer
fr_nir: nir, numero de securite sociale, numero secu, securite sociale
es_dni: dni, nie, nif, documento de identidad
it_tax_code: codice fiscale, fiscal code, cod fiscale
pl_pesel: pesel
se_personal_number: personnummer, personal number
nl_bsn: bsn, burgerservicenummer, sofinummer
be_national_number: rijksregisternummer, numero national, registre national, niss, insz
in_aadhaar: aadhaar, aadhar, uidai
br_cpf: cpf
cn_resident_id: resident id, resident identity, 身份证, 身份证号, 身份證
jp_my_number: my number, mynumber, individual number, マイナンバー, 個人番号
sg_nric: nric, nric fin
ip_address: ip, ip address, ipaddress, client ip, remote addr, ip adresse
mac_address: mac address, macaddress, mac
birth_date: birth date, birthdate, date of birth, dob, birthday, born on, geburtsdatum, geburtstag, geb datum,
  date de naissance, date naissance, fecha de nacimiento, fecha nacimiento, nacimiento, data di nascita,
  생년월일, 생일, 生年月日, 出生日期
passport: passport, passport number, passport no, reisepass, reisepassnummer, passeport, pasaporte, 여권,
  여권번호, パスポート
official_id: national id, national identity, identity number, identity card, id card, id card number,
  personal id, personalausweis, ausweisnummer, carte d identite, driving licence, driver license,
  drivers license, drivers licence, fuhrerschein, fuhrerscheinnummer, permis de conduire, 운전면허, 신분증
person_name: first name, firstname, last name, lastname, surname, given name, family name, middle name,
  full name, fullname, maiden name, customer name, patient name, client name, employee name, person name,
  contact name, cardholder name, vorname, nachname, familienname, zuname, kundenname, prenom, nom,
  nom de famille, nom complet, nombre, apellido, apellidos, primer apellido, nome, cognome, sobrenome, =이름,
  성명, 성함, 고객명, 姓名, 氏名, 名前
username: username, user name, login name, screen name, benutzername, nom d utilisateur, nombre de usuario,
  아이디, 사용자명
address: address, street, street address, home address, postal address, mailing address, address line,
  address 1, house number, adresse, anschrift, wohnort, strasse, hausnummer, rue, direccion, calle, domicilio,
  indirizzo, endereco, 주소, 도로명, 地址, 住所
postal_code: postcode, postal code, zip, zip code, zipcode, plz, postleitzahl, code postal, codigo postal,
  우편번호, 郵便番号, 邮编
health: diagnosis, diagnoses, diagnosis code, icd, icd 9, icd 10, disease, illness, medication,
  medical condition, medical history, health status, health condition, diagnose, krankheit, medikament, maladie,
  diagnostic medical, diagnostico, enfermedad, 진단, 진단명, 병명, 질병, 병력
disability: disability, disabled, handicap, behinderung, discapacidad, 장애
ethnicity: race, ethnicity, ethnic origin, ethnic group, ethnie, origine ethnique, etnia, raza, 인종, 민족
religion: religion, religious belief, confession, konfession, religionszugehorigkeit, 종교
politics: political opinion, political affiliation, political party, party affiliation, politische meinung,
  opinion politique, opinion politica, 정치성향, 지지정당
trade_union: trade union, union member, union membership, gewerkschaft, syndicat, sindicato, 노조, 노동조합
sexual_life: sexual orientation, sexual preference, sexuelle orientierung, orientation sexuelle,
  orientacion sexual, 성적지향
biometric: fingerprint, face embedding, face template, iris scan, voiceprint, biometric, fingerabdruck,
  empreinte digitale, huella dactilar, 지문, 생체정보
genetic: genotype, dna, genetic, genome, 유전자
"""


def spoken_of(name: str) -> set[str]:
    """The keys of the patterns that a column's name speaks of; none where it says that something about them is meant.

    Of muniment_personal.PATTERNS; the time grows with the name, which the caller bounds.
    """
    words = _words(name)
    joined = f" {' '.join(words)} "
    if _ABOUT & set(words) or any(one in joined for one in _ABOUT_WITHIN):
        return set()
    found = {key for key, phrases in _PHRASES.items() if any(phrase in joined for phrase in phrases)}
    if {"email", "ip_address", "mac_address"} & found:
        found.discard("address")
    return found


def _words(name: str) -> list[str]:
    """The words of a column's name: without accents, in lower case, at signs and where camelCase begins a new one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    plain = "".join(one for one in unicodedata.normalize("NFD", apart) if not unicodedata.combining(one))
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", plain.casefold()))


def _spoken(phrase: str) -> str:
    """How a phrase stands in ` name of the column `: as words of their own, or anywhere."""
    spoken = " ".join(_words(phrase))
    return f" {spoken} " if phrase.isascii() or phrase.startswith("=") else spoken


def _read(names: str) -> dict[str, tuple[str, ...]]:
    """The table of names, by pattern."""
    lines = (one.partition(":") for one in names.strip().replace("\n  ", " ").splitlines())
    return {key: tuple(_spoken(one.strip()) for one in phrases.split(",")) for key, _colon, phrases in lines}


_PHRASES = _read(_NAMES)
#: In a name these say that not the data itself is meant.
_ABOUT = frozenset(
    _words(
        "count counts n has is sent opt optin verified valid consent domain provider type status length len missing"
        " model template rate score change changed changes attempts flag known available"
    )
)
_ABOUT_WITHIN = ("여부", "건수", "횟수", "有無", "是否")
